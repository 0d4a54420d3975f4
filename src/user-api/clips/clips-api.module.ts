import { Module } from '@nestjs/common';
import { ClipQueries } from './clip-queries';
import { ClipsController } from './clips.controller';

/** /api/clips */
@Module({
  controllers: [ClipsController],
  providers: [ClipQueries],
  exports: [ClipQueries],
})
export class ClipsApiModule {}
