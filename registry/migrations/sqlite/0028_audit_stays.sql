-- Entries of the audit log are only added. Who means to forge one has to take these away first, and the chain of hashes finds
-- it all the same.
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are only added');
END;
CREATE TRIGGER audit_entries_are_kept BEFORE DELETE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are only added');
END;
-- What replaces an entry deletes it without the trigger above.
CREATE TRIGGER audit_entries_are_new BEFORE INSERT ON audit_entries
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE tenant = NEW.tenant AND number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are only added');
END;
