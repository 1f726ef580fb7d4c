/** Orchestration. Not exported: nothing outside this module may touch it. */
@NullMarked
package io.usagekit.internal;

import org.jspecify.annotations.NullMarked;
