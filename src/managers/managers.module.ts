import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ManagerHost } from './manager-host';

/** The host of the control loops. Only the manager process imports it; the loops come with other modules. */
@Module({ imports: [DiscoveryModule], providers: [ManagerHost], exports: [ManagerHost] })
export class ManagersModule {}
