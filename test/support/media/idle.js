'use strict';
// A process that does nothing until it is ended, for tests that end it.
process.send('ready');
setInterval(() => undefined, 1000);
