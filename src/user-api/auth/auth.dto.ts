import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, Length, MaxLength } from 'class-validator';
import { type Role, ROLES } from '../../platform/security/roles';

/** Who signs in. */
export class LoginRequest {
  @ApiProperty({ example: 'admin@agentos.local', description: 'The e-mail address of the account.' })
  @IsEmail()
  @MaxLength(254)
  email!: string;

  @ApiProperty({ example: 'correct horse battery staple', description: 'The password of the account.' })
  @IsString()
  @Length(1, 256)
  password!: string;
}

/** A session to go on with. */
export class RefreshRequest {
  @ApiProperty({
    example: 'dGhpcyBpcyBub3QgYSByZWFsIHRva2Vu',
    description: 'The newest refresh token of the session. It is good once.',
  })
  @IsString()
  @Length(20, 200)
  refresh_token!: string;
}

/** Who is signed in. */
export class SignedInUser {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  @ApiProperty({ example: 'admin@agentos.local' })
  email!: string;
  @ApiProperty({ enum: ROLES, example: 'admin' })
  role!: Role;
}

/** The tokens of a session. */
export class TokenAnswer {
  @ApiProperty({ description: 'For the header Authorization: Bearer, and for the gateway.' })
  access_token!: string;
  @ApiProperty({ description: 'For POST /api/auth/refresh. It is good once; the answer has its successor.' })
  refresh_token!: string;
  @ApiProperty({ example: 'Bearer' })
  token_type!: 'Bearer';
  @ApiProperty({ example: 900, description: 'Life of the access token, in seconds.' })
  expires_in!: number;
  @ApiProperty({ type: SignedInUser })
  user!: SignedInUser;
}

/** The session has ended. */
export class LogoutAnswer {
  @ApiProperty({ example: true })
  signed_out!: boolean;
}
