import { Module } from '@nestjs/common';
import { AuditKeys } from './audit-keys';
import { SigningKeys } from './signing-keys';

/** Keys. */
@Module({ providers: [SigningKeys, AuditKeys], exports: [SigningKeys, AuditKeys] })
export class SecurityModule {}
