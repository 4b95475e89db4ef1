/** Models that the host runs. Import it from "steward-sdk/inference", in worlds that have models. */

export interface LabelScore {
  label: string;
  /** Between 0 and 1; the scores of one text add up to 1. */
  score: number;
}

export interface Entity {
  label: string;
  /** In Unicode code points. */
  span: { start: number; end: number };
  score: number;
}

export interface Model {
  /** One vector per text, in order, scaled to length 1. */
  embed(texts: string[]): Float32Array[];
  /** One list of labels per text, best first. With an embedding model, `labels` are the texts to compare with. */
  classify(texts: string[], labels?: string[]): LabelScore[][];
  /** The entities of each text, in order of their start. */
  classifyTokens(texts: string[]): Entity[][];
  /** One score for each pair, in order. */
  scorePairs(pairs: [string, string][]): { score: number; labels: LabelScore[] }[];
}

/** Opens a model by `name`, `name@version` or `name@alias`. The manifest requests it and the deployment grants it. */
export function open(name: string): Model;
