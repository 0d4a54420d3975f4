'use strict';

require('./register');

module.exports = require('../support/global-teardown').default;
