import { Module } from '@nestjs/common';
import { Lockout } from './lockout';

/** Who is locked out; apart from sign-in, since admins can end a lock. */
@Module({ providers: [Lockout], exports: [Lockout] })
export class LockoutModule {}
