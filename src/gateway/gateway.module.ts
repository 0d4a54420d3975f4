import { Module } from '@nestjs/common';
import { AuthModule } from '../user-api/auth/auth.module';
import { FeedHub } from './feed/feed-hub';
import { Gateway } from './gateway';
import { LogTail } from './logs/log-tail';
import { SignIn } from './sign-in';
import { Subscriptions } from './subscriptions';
import { TopicAccess } from './topic-access';

/** Live updates. The application uses GatewayAdapter as its WebSocket adapter. */
@Module({
  imports: [AuthModule],
  providers: [FeedHub, LogTail, TopicAccess, SignIn, Subscriptions, Gateway],
})
export class GatewayModule {}
