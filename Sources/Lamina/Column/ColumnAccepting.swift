import CLamina
import CLinux
import Glibc

/// Columns that come from below: of accepted connections, and of terminating levels. The upcalls for both.
enum ColumnAccepting {
    /// `accept_column`.
    static let column: @convention(c) (Slot, Int32, Int32, Int32, UnsafeMutablePointer<Slot?>) -> lamina_status = {
        listener,
        family,
        type,
        proto,
        base in
        let parent = ColumnState.of(listener)
        guard
            let state = ColumnState(
                chain: parent.chain,
                start: parent.start,
                category: UInt32(LAMINA_CONNECTION),
                family: family,
                type: type,
                proto: proto,
                origin: parent.origin.inbound,
                loop: parent.isPart ? parent.loop : nil
            )
        else { return -ENOMEM }
        state.column.pointee.above = parent.column.pointee.above
        // The base stands open; the rest comes with `accept_ready`.
        state.link(1 << UInt64(state.levelCount), waits: false)
        state.opened = state.active
        base.pointee = state.base
        return 0
    }

    /// `accept_ready`.
    static let ready:
        @convention(c) (
            Slot, Slot, UnsafePointer<lamina_address>?, lamina_accepted_function, UnsafeMutableRawPointer?
        ) -> Void = { listener, base, remote, done, context in
            let state = ColumnState.of(base)
            let subject = ColumnBinding.subject(state, remote?.pointee, .in)
            state.link(state.chain.active(from: state.start, in: state.category, for: subject), waits: false)
            LevelOpening.open(state.active & ~state.opened, of: state) { status in
                guard status < 0 else {
                    if state.column.pointee.above == nil { clinux_store_u32(&state.isGivenOut, 1) }
                    return done(listener, base, 0, context)
                }
                ColumnClosing.close(state.handle) { _ in done(listener, base, status, context) }
            }
        }

    /// `refuse_accepted`.
    static let refuse: @convention(c) (Slot, Slot, UInt64) -> Void = { _, accepted, generation in
        ColumnClosing.close(lamina_socket(slot: accepted, generation: generation)) { _ in }
    }

    /// `open_below`.
    static let openBelow:
        @convention(c) (
            Slot, UnsafePointer<lamina_open_arguments>, UnsafePointer<lamina_indications>?, UnsafeMutableRawPointer?,
            UnsafeMutablePointer<Slot?>, Request
        ) -> lamina_status = { slot, arguments, indications, context, lower, request in
            let state = ColumnState.of(slot)
            let start = state.start + Int(slot.pointee.level)
            lower.pointee = nil
            guard start < state.chain.instanceCount else { return lamina_complete(slot, request, -ENODEV, 0) }
            var arguments = arguments.pointee
            arguments.flags = 0
            return ColumnOpening.open(
                state.chain,
                start: start,
                arguments: arguments,
                origin: state.origin,
                client: indications,
                context: context,
                above: slot,
                lower: lower,
                request: request
            ).status
        }

    /// `close_below`.
    static let closeBelow: @convention(c) (Slot, Request) -> lamina_status = { lower, request in
        guard let above = lower.pointee.column.pointee.above else { return Completion.end(request, -EINVAL) }
        Completion.markPending(above, request)
        ColumnClosing.close(lamina_socket_of(lower)) { status in
            _ = lamina_complete(above, request, status, 0)
        }
        return LAMINA_PENDING
    }
}
