import { Module } from '@nestjs/common';
import { Rollups } from './rollups';

/** The roll-ups for readers. */
@Module({ providers: [Rollups], exports: [Rollups] })
export class RollupsModule {}
