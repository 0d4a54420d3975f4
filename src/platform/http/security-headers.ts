import helmet from '@fastify/helmet';
import Fastify from 'fastify';

/**
 * The headers that helmet sets. They are the same in every answer, so they are found out once: helmet's own hook
 * costs each request as much as its routing.
 */
export async function securityHeaders(): Promise<Record<string, string>> {
  const sample = Fastify();
  await sample.register(helmet, {
    contentSecurityPolicy: false,
    crossOriginResourcePolicy: { policy: 'same-site' },
  });
  sample.get('/', (_request, reply) => reply.send());
  const bare = Fastify();
  bare.get('/', (_request, reply) => reply.send());
  const [{ headers }, { headers: usual }] = await Promise.all([sample.inject('/'), bare.inject('/')]);
  await Promise.all([sample.close(), bare.close()]);
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !(name in usual))
      .map(([name, value]) => [name, String(value)]),
  );
}
