// Starting an installation takes seconds, a video takes more, and the machine may be busy.
jest.setTimeout(150_000);
