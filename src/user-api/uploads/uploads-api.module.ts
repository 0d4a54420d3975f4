import { Module } from '@nestjs/common';
import { UploadsModule } from '../../media/uploads/uploads.module';
import { ChunkBodies } from './chunk-body';
import { UploadsController } from './uploads.controller';

/** /api/upload */
@Module({ imports: [UploadsModule], controllers: [UploadsController], providers: [ChunkBodies] })
export class UploadsApiModule {}
