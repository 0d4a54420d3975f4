import 'reflect-metadata';
import { type CanActivate, Controller, type ExecutionContext, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Redis } from 'ioredis';
import { verify } from 'jsonwebtoken';

/*
 * The cached read as the seeds describe it: Nest on Express, the token checked by jsonwebtoken against a secret that is a
 * text, the document fetched from Redis, parsed, and serialised again, for each request. Arguments: Redis, the key, the
 * secret.
 */

const [, , url = '', key = '', secret = ''] = process.argv;
const redis = new Redis(url);

class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context
      .switchToHttp()
      .getRequest<{ headers: { authorization: string }; user?: unknown }>();
    request.user = verify(request.headers.authorization.slice('Bearer '.length), secret);
    return true;
  }
}

@Controller()
class ReadController {
  @Get()
  @UseGuards(TokenGuard)
  async read() {
    return { success: true, data: JSON.parse((await redis.get(key)) ?? '') as object, timestamp: new Date() };
  }
}

@Module({ controllers: [ReadController] })
class ReadModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(ReadModule, new ExpressAdapter(), { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  process.send?.(Number(new URL(await app.getUrl()).port));
}

process.on('disconnect', () => process.exit(0));
void main();
