/** What PostgreSQL's driver knows of a connection; not exported. */
@NullMarked
package io.usagekit.postgres.internal.driver;

import org.jspecify.annotations.NullMarked;
