/** What PostgreSQL's driver knows of a connection, and what was done on it before; not exported. */
@NullMarked
package io.usagekit.postgres.internal.driver;

import org.jspecify.annotations.NullMarked;
