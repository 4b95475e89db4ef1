-- What a prediction follows from, as JSON: of labelling functions the plugins that hold them, and their votes.
ALTER TABLE label_predictions ADD COLUMN provenance TEXT;
