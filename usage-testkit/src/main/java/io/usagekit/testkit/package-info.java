/** In-memory adapters and a clock that moves when it is told to. */
@NullMarked
package io.usagekit.testkit;

import org.jspecify.annotations.NullMarked;
