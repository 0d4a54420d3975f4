import { Module } from '@nestjs/common';
import { ClipsModule } from '../../media/clips/clips.module';
import { ClipQueries } from './clip-queries';
import { ClipsController } from './clips.controller';

/** /api/clips */
@Module({
  imports: [ClipsModule],
  controllers: [ClipsController],
  providers: [ClipQueries],
  exports: [ClipQueries],
})
export class ClipsApiModule {}
