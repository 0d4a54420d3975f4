import { Body, Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../platform/errors/app-error';
import { Public } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors, ApiPublicErrors } from '../../platform/http/api-errors';
import { LoginRequest, LogoutAnswer, RefreshRequest, TokenAnswer } from './auth.dto';
import { AuthService, type Client } from './auth.service';
import { beginning } from '../../platform/text/cut';

/** Sign-in and sessions. */
@ApiTags('auth')
@Controller('api/auth')
export class AuthController {
  constructor(@Inject(AuthService) private readonly auth: AuthService) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sign in with e-mail address and password' })
  @ApiData(TokenAnswer, { description: 'The tokens of a new session.' })
  @ApiPublicErrors('VALIDATION_ERROR', 'INVALID_CREDENTIALS', 'ACCOUNT_LOCKED', 'RATE_LIMITED')
  login(@Body() body: LoginRequest, @Req() request: FastifyRequest): Promise<TokenAnswer> {
    return this.auth.login(body.email, body.password, clientOf(request));
  }

  @Public()
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({ summary: 'Exchange a refresh token for new tokens' })
  @ApiData(TokenAnswer, { description: 'The tokens to go on with; the ones before end.' })
  @ApiPublicErrors('VALIDATION_ERROR', 'UNAUTHORIZED', 'RATE_LIMITED')
  refresh(@Body() body: RefreshRequest, @Req() request: FastifyRequest): Promise<TokenAnswer> {
    return this.auth.refresh(body.refresh_token, clientOf(request));
  }

  @Post('logout')
  @HttpCode(200)
  @ApiBearerAuth()
  @ApiOperation({ summary: 'End this session' })
  @ApiData(LogoutAnswer, { description: 'The session has ended, in every process.' })
  @ApiErrors('UNAUTHORIZED')
  async logout(@Req() request: FastifyRequest): Promise<LogoutAnswer> {
    if (!request.actor) throw new AppError('UNAUTHORIZED');
    await this.auth.logout(request.actor);
    return { signed_out: true };
  }
}

function clientOf(request: FastifyRequest): Client {
  const agent = request.headers['user-agent'];
  return { ip: request.clientIp, userAgent: agent ? beginning(agent, 500) : null, traceId: request.traceId };
}
