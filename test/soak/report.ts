import { JOB_TOPIC } from './jobs/job-news';
import type { SoakResult } from './run';

/** What a soak came to, in a few lines. */
export function report(result: SoakResult): string {
  const { topics, connections, kills, orders, violations } = result;
  const ofJobs = topics.filter(({ topic }) => topic.startsWith(JOB_TOPIC));
  const sum = (what: 'published' | 'delivered' | 'resumed'): number =>
    ofJobs.reduce((total, topic) => total + topic[what], 0);
  return [
    ...topics.filter((topic) => !ofJobs.includes(topic)).map(topicLine),
    topicLine({
      topic: `${ofJobs.length} topics ${JOB_TOPIC}<id>, ${result.jobSubscriptions} subscriptions`,
      published: sum('published'),
      delivered: sum('delivered'),
      resumed: sum('resumed'),
    }),
    jobsLine(result),
    `${connections} connections, ${orders} orders, ${kills.length} processes ended (${kills.join(', ')})`,
    `${violations.length} violations`,
  ].join('\n');
}

function topicLine({ topic, published, delivered, resumed }: SoakResult['topics'][number]): string {
  return `${topic}: ${published} events published, ${delivered} delivered, ${resumed} times resumed`;
}

function jobsLine({ jobs: { made, accepted, ended, retried, clips, lost, followed } }: SoakResult): string {
  const ends = Object.entries(ended).map(([status, count]) => `${count} ${status}`);
  const more = `${retried} further attempts, ${lost} steps of lost workers, ${clips} clips`;
  return `${made} jobs (${accepted} known to their user): ${ends.join(', ')}; ${more}; ${followed} heard of in their own topic`;
}
