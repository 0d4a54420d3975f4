import { createApi } from './apps/api';
import { runProcess } from './platform/process/run-process';

void runProcess('api', async (env) => {
  const app = await createApi(env);
  await app.listen(env.port, env.host);
  return app;
});
