/** The service over in-memory adapters: caching, coalescing, refreshing, failing, closing. */
@NullMarked
package io.usagekit.verification.service;

import org.jspecify.annotations.NullMarked;
