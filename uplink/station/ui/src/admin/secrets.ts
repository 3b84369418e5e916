// What is shown once.

export interface Shown {
  title: string;
  lines: { label: string; text: string }[];
}
