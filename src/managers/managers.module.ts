import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Pulse } from '../platform/process/pulse';
import { ManagerHost } from './manager-host';

/** The host of the control loops. Only the manager process imports it; the loops come with other modules. */
@Module({ imports: [DiscoveryModule], providers: [Pulse, ManagerHost], exports: [ManagerHost] })
export class ManagersModule {}
