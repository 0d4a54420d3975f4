import { Busboy, type BusboyFileStream, type BusboyHeaders } from '@fastify/busboy';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { AppError } from '../../platform/errors/app-error';

const LIMITS = {
  files: 1,
  fields: 8,
  parts: 9,
  fieldNameSize: 64,
  fieldSize: 256,
  headerPairs: 32,
  headerSize: 4_096,
};

/** A form whose fields were read and whose file was not yet. */
export interface MultipartChunk {
  body: Readable;
  fields: Readonly<Record<string, string>>;
}

/**
 * Reads a form up to its file, which is left to be streamed. The fields have to stand before the file, where forms
 * have them: those after it are not known yet when the file has to be put somewhere.
 *
 * @throws AppError VALIDATION_ERROR for a form that is malformed, cut, too large, or has no file
 */
export function readMultipart(source: IncomingMessage): Promise<MultipartChunk> {
  const parser = startParser(source);
  const fields = Object.create(null) as Record<string, string>;
  return new Promise((resolve, reject) => {
    let file: BusboyFileStream | undefined;
    const fail = (message: string, cause?: unknown) => {
      const error = new AppError('VALIDATION_ERROR', message, { cause });
      source.unpipe(parser);
      file?.destroy(error);
      reject(error);
    };
    parser.on('field', (name, value, nameCut, valueCut) => {
      if (nameCut || valueCut) fail('A field of the form is too long.');
      else if (name in fields) fail('A field stands twice in the form.');
      else fields[name] = value;
    });
    parser.on('file', (_name, stream) => {
      file = stream;
      // Whoever reads it gets to know. Before, or after it was refused, nobody does, and that must not end the process.
      stream.on('error', () => undefined);
      // As they are now: what stands after the file may have come along with it, or not.
      resolve({ body: stream, fields: { ...fields } });
    });
    parser.on('filesLimit', () => fail('The form has more than one file.'));
    parser.on('fieldsLimit', () => fail('The form has too many fields.'));
    parser.on('partsLimit', () => fail('The form has too many parts.'));
    parser.on('error', (cause) => fail('The form is malformed or cut off.', cause));
    parser.on('finish', () => reject(new AppError('VALIDATION_ERROR', 'The form has no file.')));
    source.once('close', () => {
      if (!source.complete) fail('The connection was cut before the form was complete.');
    });
    source.pipe(parser);
  });
}

function startParser(source: IncomingMessage): InstanceType<typeof Busboy> {
  try {
    return new Busboy({ headers: source.headers as BusboyHeaders, limits: LIMITS });
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'The form has no usable boundary.', { cause });
  }
}
