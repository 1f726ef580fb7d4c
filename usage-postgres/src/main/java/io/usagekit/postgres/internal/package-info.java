/** The JDBC runner, named statements, the combined query and the schema installer; shared by this module's packages and not exported. */
@NullMarked
package io.usagekit.postgres.internal;

import org.jspecify.annotations.NullMarked;
