import { EventEmitter } from 'node:events';

// A test file may hold many connections to one emitter (two processes, several clients); that is no leak.
EventEmitter.defaultMaxListeners = 50;
