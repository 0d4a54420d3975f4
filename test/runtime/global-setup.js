'use strict';

require('./register');

module.exports = require('../support/global-setup').default;
