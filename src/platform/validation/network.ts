import { buildMessage, ValidateBy, type ValidationOptions } from 'class-validator';
import { IpAllowList } from '../security/ip-allow-list';

/** Whether a value is an address or a CIDR range in the form that {@link IpAllowList} takes. */
export function isNetwork(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  try {
    return !new IpAllowList([value]).empty;
  } catch {
    return false;
  }
}

/** The field is an address or a network: see {@link isNetwork}. */
export function IsNetwork(options?: ValidationOptions): PropertyDecorator {
  const message = buildMessage((each) => `${each}$property must be a CIDR range like 10.1.0.0/16`, options);
  return ValidateBy(
    { name: 'isNetwork', validator: { validate: isNetwork, defaultMessage: message } },
    options,
  );
}
