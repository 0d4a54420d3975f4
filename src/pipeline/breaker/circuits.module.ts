import { Module } from '@nestjs/common';
import { CircuitStore } from './circuit-store';

/** How the circuits stand, for whoever only looks at them. */
@Module({ providers: [CircuitStore], exports: [CircuitStore] })
export class CircuitsModule {}
