import { Module } from '@nestjs/common';
import { SigningKeys } from './signing-keys';

/** Keys. */
@Module({ providers: [SigningKeys], exports: [SigningKeys] })
export class SecurityModule {}
