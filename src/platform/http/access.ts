import { SetMetadata } from '@nestjs/common';
import type { Role } from '../security/roles';

/** Metadata key of {@link Public}. */
export const PUBLIC_ROUTE = 'agentos:public';
/** Metadata key of {@link Roles}. */
export const ROUTE_ROLES = 'agentos:roles';

/** Metadata key of {@link AdminNetworks}. */
export const ADMIN_NETWORKS = 'agentos:admin-networks';

/** The route needs no access token. It is limited per address instead. */
export const Public = () => SetMetadata(PUBLIC_ROUTE, true);

/** Who may use the route. Below /api/admin a route without this is for admins only. */
export const Roles = (...roles: Role[]) => SetMetadata(ROUTE_ROLES, roles);

/** The route is for the networks of the admin side, as everything below /api/admin is. */
export const AdminNetworks = () => SetMetadata(ADMIN_NETWORKS, true);
