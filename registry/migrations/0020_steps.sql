-- What a step says of itself, as JSON: asked once, when it is published. Versions of other worlds have none.
ALTER TABLE plugin_versions ADD COLUMN step TEXT;
