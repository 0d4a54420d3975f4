import { DataSource } from 'typeorm';
import { dataSourceOptions } from './src/platform/postgres/data-source';
import { loadEnv } from './src/platform/settings/env';

/** The data source of the TypeORM command line: `npm run migration:show`, `migration:revert`, ... */
export default new DataSource(dataSourceOptions(loadEnv().migrationDatabaseUrl, 2));
