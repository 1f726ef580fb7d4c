/** In-memory adapters, a clock that moves when it is told to, and a link to a server that fails when it is told to. */
@NullMarked
package io.usagekit.testkit;

import org.jspecify.annotations.NullMarked;
