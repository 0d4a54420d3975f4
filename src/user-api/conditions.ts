/** Builds the condition of a statement of those parts only that apply, so that the planner finds the index that fits. */
export class Conditions {
  private readonly parts: string[] = [];

  constructor(
    /** Of the statement, in order; parts add theirs. */
    readonly params: unknown[] = [],
  ) {}

  /** Adds a part, unless its value is undefined. `condition` is given the value's placeholder. */
  add(value: unknown, condition: (place: string) => string): this {
    if (value !== undefined) this.parts.push(condition(this.place(value)));
    return this;
  }

  /** Adds a parameter. @returns its placeholder */
  place(value: unknown): string {
    this.params.push(value);
    return `$${this.params.length}`;
  }

  /** What follows WHERE. */
  get sql(): string {
    return this.parts.length === 0 ? 'true' : this.parts.join(' AND ');
  }
}
