-- What calls cost, as the basis of bills. Rows that were counted before begin at zero.
ALTER TABLE usage_minutes ADD COLUMN cpu_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN memory_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN host_calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN inference_texts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN bytes_in BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN bytes_out BIGINT NOT NULL DEFAULT 0;
