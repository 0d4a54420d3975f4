import type { DailyReport, DayFigures } from '../report';
import { type Card, cards, heading, note, table } from './blocks';
import { Canvas, COLOUR } from './canvas';
import { lyingBars, stackedBars } from './charts';
import { bytes, change, count, duration, percent } from './figures';

/** Rows of a table that can be long; the CSV has all of them. */
const LONGEST = 25;

/** A report as a document of A4 pages. */
export async function reportPdf(report: DailyReport): Promise<Buffer> {
  const title = `AgentOS – daily report of ${report.date}`;
  const canvas = new Canvas(title, `${title} (UTC), made at ${report.generated_at}`);
  canvas.text(`Daily report`, canvas.left, canvas.y, canvas.width, { size: 20, bold: true });
  canvas.y += 28;
  canvas.text(`${weekday(report.date)} ${report.date}, UTC`, canvas.left, canvas.y, canvas.width, {
    size: 11,
  });
  canvas.y += 18;
  for (const sentence of summary(report)) note(canvas, sentence);
  if (!report.complete)
    note(canvas, 'The day is not over: this is how it stands so far, beside the whole day before.');
  canvas.y += 6;
  cards(canvas, jobCards(report));
  for (const section of [throughput, durations, failures, work, storage, actions, slowest])
    section(canvas, report);
  return canvas.end();
}

function jobCards({ day, day_before: before }: DailyReport): Card[] {
  const counted = (
    name: string,
    figure: 'created' | 'completed' | 'failed' | 'cancelled' | 'open_at_end' | 'clips',
  ) => ({
    name,
    value: count(day.jobs[figure]),
    note: `${change(day.jobs[figure], before.jobs[figure])} (${count(before.jobs[figure])})`,
  });
  return [
    counted('Jobs created', 'created'),
    counted('Completed', 'completed'),
    counted('Failed', 'failed'),
    counted('Cancelled', 'cancelled'),
    { name: 'Success rate', value: success(day), note: `${success(before)} the day before` },
    {
      name: 'Median time of a job',
      value: duration(day.jobs.p50_s),
      note: `${change(day.jobs.p50_s, before.jobs.p50_s)} (${duration(before.jobs.p50_s)})`,
    },
    counted('Still open at the end', 'open_at_end'),
    counted('Clips made', 'clips'),
  ];
}

/** Completed of completed and failed: what people cancel says nothing about us. */
function success({ jobs }: DayFigures): string {
  return percent(jobs.completed, jobs.completed + jobs.failed);
}

/** What matters most, in a sentence or two. */
function summary({ day, day_before: before }: DailyReport): string[] {
  const ended = endedOf(day);
  if (ended === 0) return ['No job ended on this day.'];
  const most = day.failures[0];
  return [
    `${count(ended)} jobs ended (${count(endedOf(before))} the day before). Of those not cancelled, ${success(day)} were completed.`,
    most
      ? `Most failures: ${most.error_code} in ${most.agent} (${count(most.count)}).`
      : 'No step failed for good.',
  ];
}

function endedOf({ jobs }: DayFigures): number {
  return jobs.completed + jobs.failed + jobs.cancelled;
}

function throughput(canvas: Canvas, { day, day_before: before }: DailyReport): void {
  heading(canvas, 'Throughput by hour', 130);
  const of = (figure: 'completed' | 'failed' | 'cancelled') => day.hours.map((hour) => hour[figure]);
  stackedBars(
    canvas,
    day.hours.map(({ hour }) => String(hour).padStart(2, '0')),
    [
      { name: 'completed', colour: COLOUR.good, values: of('completed') },
      { name: 'failed', colour: COLOUR.bad, values: of('failed') },
      { name: 'cancelled', colour: COLOUR.neutral, values: of('cancelled') },
    ],
    {
      name: 'all, the day before',
      colour: COLOUR.accent,
      values: before.hours.map((hour) => hour.completed + hour.failed + hour.cancelled),
    },
  );
}

function durations(canvas: Canvas, { day, day_before: before }: DailyReport): void {
  heading(canvas, 'Durations', 60);
  const right = ['p50', 'p95', 'p99', 'p95 before', 'change of p95'].map((name) => ({
    name,
    share: 2,
    align: 'right' as const,
  }));
  const times = (of: DayFigures['jobs'] | DayFigures['agents'][number], was: typeof of | undefined) => [
    duration(of.p50_s), duration(of.p95_s), duration(of.p99_s), duration(was?.p95_s ?? null), change(of.p95_s, was?.p95_s ?? null)]; // prettier-ignore
  table(
    canvas,
    [{ name: '', share: 3 }, ...right],
    [
      ['Whole job', ...times(day.jobs, before.jobs)],
      ...day.agents.map((agent) => [
        agent.agent,
        ...times(
          agent,
          before.agents.find((was) => was.agent === agent.agent),
        ),
      ]),
    ],
  );
}

function failures(canvas: Canvas, { day, day_before: before }: DailyReport): void {
  heading(canvas, 'Failures by agent and error', 15 * Math.min(10, day.failures.length));
  if (day.failures.length === 0) return note(canvas, 'No step failed for good.');
  const was = (agent: string, code: string) =>
    before.failures.find((other) => other.agent === agent && other.error_code === code)?.count ?? 0;
  const bars = day.failures.slice(0, LONGEST).map(({ agent, error_code, count: value }) => ({
    name: error_code,
    value,
    label: `${count(value)} in ${agent} (${count(was(agent, error_code))})`,
  }));
  lyingBars(canvas, bars, COLOUR.bad);
  note(canvas, 'In brackets: the day before.');
}

function work(canvas: Canvas, { day, day_before: before }: DailyReport): void {
  heading(canvas, 'Worker hours', 20 + 15 * day.agents.length);
  if (day.agents.length === 0) return note(canvas, 'No step ended on this day.');
  const sum = (figures: DayFigures) => figures.agents.reduce((all, { hours }) => all + hours, 0);
  note(
    canvas,
    `${sum(day).toFixed(1)} hours in all, ${sum(before).toFixed(1)} the day before. Counted are steps that ended on the day.`,
  );
  const bars = day.agents.map(({ agent, steps, hours }) => ({
    name: agent,
    value: hours,
    label: `${hours.toFixed(1)} h, ${count(steps)} steps`,
  }));
  lyingBars(canvas, bars, COLOUR.accent);
}

function storage(canvas: Canvas, { day, day_before: before }: DailyReport): void {
  heading(canvas, 'Storage', 60);
  const right = ['at the end', 'added', 'added the day before'].map((name) => ({
    name,
    share: 2,
    align: 'right' as const,
  }));
  table(
    canvas,
    [{ name: '', share: 3 }, ...right],
    [
      [
        'Uploaded videos',
        bytes(day.storage.uploads),
        bytes(day.storage.uploads_added),
        bytes(before.storage.uploads_added),
      ],
      [
        'Produced files',
        bytes(day.storage.files),
        bytes(day.storage.files_added),
        bytes(before.storage.files_added),
      ],
    ],
  );
}

function actions(canvas: Canvas, { day, day_before: before }: DailyReport): void {
  heading(canvas, 'Actions taken by the staff', 45);
  if (day.actions.length === 0) return note(canvas, 'Nobody took any action.');
  const right = ['succeeded', 'failed', 'denied', 'day before'].map((name) => ({
    name,
    share: 2,
    align: 'right' as const,
  }));
  const was = (name: string) => before.actions.find(({ action }) => action === name);
  table(canvas, [{ name: 'action', share: 4 }, ...right],
    day.actions.slice(0, LONGEST).map((row) => {
      const other = was(row.action);
      const all = other ? other.succeeded + other.failed + other.denied : 0;
      return [row.action, count(row.succeeded), count(row.failed), count(row.denied), count(all)];
    }),
  ); // prettier-ignore
}

function slowest(canvas: Canvas, { day }: DailyReport): void {
  if (day.slowest.length === 0) return;
  heading(canvas, 'Slowest jobs', 45);
  table(
    canvas,
    [{ name: 'title', share: 5 }, { name: 'job', share: 4 }, { name: 'took', share: 2, align: 'right' }],
    day.slowest.map(({ title, job_id, duration_s }) => [title, job_id, duration(duration_s)]),
  ); // prettier-ignore
}

function weekday(date: string): string {
  return new Date(`${date}T00:00:00Z`).toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' });
}
