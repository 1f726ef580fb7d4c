/** What this module's packages share; not exported. */
@NullMarked
package io.usagekit.postgres.internal;

import org.jspecify.annotations.NullMarked;
