import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PipelineModule } from '../../pipeline/pipeline.module';
import { AccessTokens } from './access-tokens';
import { AdminDoor } from './admin-door';
import { AuthController } from './auth.controller';
import { AuthService } from './auth.service';
import { AdminAddressGuard } from './guards/admin-address.guard';
import { JwtAuthGuard } from './guards/jwt-auth.guard';
import { MaintenanceGuard } from './guards/maintenance.guard';
import { RequestLimitGuard } from './guards/request-limit.guard';
import { RolesGuard } from './guards/roles.guard';
import { KeyEvents } from './key-events';
import { LockoutModule } from './lockout.module';
import { RefreshTokens } from './refresh-tokens';
import { Refusals } from './refusals';
import { SessionTruth } from './session-truth';

/** What every HTTP request passes, in this order. */
const GUARDS = [
  // First, so that what follows knows who asks.
  JwtAuthGuard,
  // Before anything that tells about the admin side: outside the allowed networks there is none.
  AdminAddressGuard,
  // Before the role: in maintenance everybody gets the same answer.
  MaintenanceGuard,
  // Before the limit, so that what is denied cannot be used to spend somebody's quota.
  RolesGuard,
  // Last, since it counts what will be done.
  RequestLimitGuard,
];

/** Sign-in, sessions, and the guards of all routes. */
@Module({
  imports: [PipelineModule, LockoutModule],
  controllers: [AuthController],
  providers: [
    AccessTokens,
    RefreshTokens,
    SessionTruth,
    KeyEvents,
    AuthService,
    AdminDoor,
    Refusals,
    ...GUARDS.map((useClass) => ({ provide: APP_GUARD, useClass })),
  ],
  exports: [AuthService, AdminDoor, Refusals],
})
export class AuthModule {}
