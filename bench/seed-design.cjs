'use strict';

/*
 * The cached read as the seeds describe it: Express, the token checked by jsonwebtoken against a secret that is a text,
 * the document fetched from Redis, parsed, and serialised again, for each request. Arguments: Redis, the key, the secret.
 */
const express = require('express');
const { Redis } = require('ioredis');
const { verify } = require('jsonwebtoken');

const [, , url, key, secret] = process.argv;
const redis = new Redis(url);
const app = express();

app.use((request, response, next) => {
  request.user = verify(request.headers.authorization.slice('Bearer '.length), secret);
  next();
});
app.get('/', async (_request, response) => {
  response.json({ success: true, data: JSON.parse(await redis.get(key)), timestamp: new Date() });
});
const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit(0));
