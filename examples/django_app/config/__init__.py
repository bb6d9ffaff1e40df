"""The application's own `config`; Conveyor's, which its workers have, is never seen here."""
