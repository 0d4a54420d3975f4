import { applyDecorators } from '@nestjs/common';
import { IsString, Length } from 'class-validator';
import { MayBeAbsent } from '../../../pipeline/catalogue/fields';

/** At least this long, in characters. Length is what makes guessing hard; rules about kinds of characters do not. */
const SHORTEST = 12;
/** As much as signing in takes. */
const LONGEST = 256;

/** The field is a new password, or absent. It is not marked as recorded, and must never be. */
export function IsNewPassword(): PropertyDecorator {
  return applyDecorators(MayBeAbsent(), IsString(), Length(SHORTEST, LONGEST));
}
