"""What runs in the pods of a database: Patroni with its settings, and the jobs around it."""
