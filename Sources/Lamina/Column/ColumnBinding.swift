import CLamina
import CLinux
import Glibc

/// Decides the conditions of a column's levels when its destination is known, and binds its links for good. Until then
/// slot 0's calls that carry a destination, or need one, come here.
enum ColumnBinding {
    /// What slot 0 calls while the links wait, by entry.
    static let binders: [Int: lamina_any_function] = [
        Int(LAMINA_ENTRY_CONNECT): unsafeBitCast(connect, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_CONNECT_WITH_DATA): unsafeBitCast(connectWithData, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_LISTEN): unsafeBitCast(listen, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_SEND_TO): unsafeBitCast(sendTo, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_SEND_MESSAGES): unsafeBitCast(sendMessages, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_RECEIVE_FROM): unsafeBitCast(receiveFrom, to: lamina_any_function.self),
        Int(LAMINA_ENTRY_RECEIVE_MESSAGES): unsafeBitCast(receiveMessages, to: lamina_any_function.self),
    ]

    private static let connect: lamina_connect_function = { slot, address, flags, request in
        let destination = address.pointee
        // What undoes a destination that nobody has named yet says nothing about one.
        if destination.form == UInt16(LAMINA_ADDRESS_NONE) { return lamina_complete(slot, request, 0, 0) }
        return bind(slot, to: destination, .out, request) {
            withUnsafePointer(to: destination) { lamina_connect(slot, $0, flags, request) }
        }
    }

    private static let connectWithData: lamina_connect_with_data_function = {
        slot,
        address,
        buffers,
        count,
        flags,
        request in
        let destination = address.pointee
        let data = KeptBuffers(buffers, count)
        return bind(slot, to: destination, .out, request) {
            withUnsafePointer(to: destination) {
                lamina_connect_with_data(slot, $0, data.first, data.count, flags, request)
            }
        }
    }

    private static let listen: lamina_listen_function = { slot, backlog, request in
        bind(slot, to: nil, .in, request) { lamina_listen(slot, backlog, request) }
    }

    private static let sendTo: lamina_send_to_function = { slot, message, flags, request in
        let kept = KeptMessages(sending: message)
        return bind(slot, to: message.pointee.address?.pointee, .out, request) {
            kept.issue(from: slot, request) { lamina_send_to(slot, $0, flags, request) }
        }
    }

    private static let sendMessages: lamina_send_messages_function = { slot, messages, count, flags, request in
        let kept = KeptMessages(sending: messages, count)
        return bind(slot, to: count > 0 ? messages.pointee.address?.pointee : nil, .out, request) {
            kept.issue(from: slot, request) { lamina_send_messages(slot, $0, count, flags, request) }
        }
    }

    private static let receiveFrom: lamina_receive_from_function = { slot, message, flags, request in
        let kept = KeptMessages(receiving: message, 1)
        return bind(slot, to: nil, .in, request) {
            kept.issue(from: slot, request) { lamina_receive_from(slot, $0, flags, request) }
        }
    }

    private static let receiveMessages: lamina_receive_messages_function = { slot, messages, count, flags, request in
        let kept = KeptMessages(receiving: messages, count)
        return bind(slot, to: nil, .in, request) {
            kept.issue(from: slot, request) { lamina_receive_messages(slot, $0, count, flags, request) }
        }
    }

    /// Binds the links, opens the levels that come in, then makes the call again.
    private static func bind(
        _ slot: Slot,
        to address: lamina_address?,
        _ direction: Direction,
        _ request: Request,
        then call: @escaping () -> lamina_status
    ) -> lamina_status {
        let state = ColumnState.of(slot)
        guard state.chain.binding.withLock({ _ in state.waits }) else { return call() }
        let wanted = state.chain.active(from: state.start, in: state.category, for: subject(state, address, direction))
        let missing = wanted & ~state.chain.off(from: state.start) & ~state.opened
        guard missing != 0 else {
            settle(state, wanted)
            return call()
        }
        let isTry = request.pointee.flags & UInt32(LAMINA_REQUEST_TRY) != 0
        if !isTry { Completion.markPending(slot, request) }
        let meeting = Meeting()
        let arrive = { (status: lamina_status) in
            meeting.status = status
            guard meeting.isSecond(), !isTry else { return }
            _ = status < 0 ? lamina_complete(slot, request, status, 0) : call()
        }
        LevelOpening.open(missing, of: state) { status in
            guard status >= 0 else { return arrive(status) }
            settle(state, wanted)
            EarlyIndications.enable(state, through: missing, done: arrive)
        }
        guard meeting.isSecond() else { return isTry ? lamina_complete(slot, request, -EAGAIN, 0) : LAMINA_PENDING }
        request.pointee.flags &= ~UInt32(LAMINA_REQUEST_PENDED)
        return meeting.status < 0 ? lamina_complete(slot, request, meeting.status, 0) : call()
    }

    /// The call's return and the end of the opening: the later one goes on.
    private final class Meeting: @unchecked Sendable {
        // `status` is written before its writer arrives, and read by whoever comes second.
        private var arrivals: UInt32 = 0
        var status: lamina_status = 0

        func isSecond() -> Bool { clinux_add_u32(&arrivals, 1) == 2 }
    }

    private static func settle(_ state: ColumnState, _ wanted: UInt64) {
        state.chain.binding.withLock { _ in
            guard state.waits else { return }
            state.waits = false
            state.wanted = wanted
            state.relink(wanted & state.opened & ~state.chain.off(from: state.start), waits: false)
        }
    }

    /// What conditions are decided on for a socket with this remote address.
    static func subject(_ state: ColumnState, _ address: lamina_address?, _ direction: Direction) -> ConditionSubject {
        let remote = address.map(Address.init)
        return ConditionSubject(
            address: remote?.network,
            port: remote?.port,
            name: remote?.name ?? state.origin.name,
            program: state.origin.executable,
            direction: direction
        )
    }
}
