public import CLamina
import Glibc

/// What a base says about its listeners and the connections that they take, each named by a number of its own: a
/// descriptor, or an address in memory.
public protocol Acceptor {
    /// A connection that waits, -EAGAIN, or another negative errno.
    static func take(_ lane: UnsafeMutablePointer<Lane>) -> Int
    /// Which inspection the connection came from that `take` gave last; serial 0 for none. Inside the lane.
    static func inspection(_ lane: UnsafeMutablePointer<Lane>) -> lamina_inspect_id
    /// Family, type and protocol of the sockets that `listener` takes.
    static func shape(_ listener: UnsafeMutablePointer<lamina_slot>) -> (Int32, Int32, Int32)
    /// The state of a socket for the connection. Nil: no memory; then the connection is still the caller's.
    static func prepare(
        _ connection: Int,
        _ listener: UnsafeMutablePointer<lamina_slot>,
        _ inspection: lamina_inspect_id
    ) -> UnsafeMutableRawPointer?
    /// Gives a prepared state to the base slot of its column.
    static func install(_ state: UnsafeMutableRawPointer, _ base: UnsafeMutablePointer<lamina_slot>)
    /// Ends a prepared state that got no column, with its connection.
    static func dismiss(_ state: UnsafeMutableRawPointer)
    /// Ends a connection that no socket has got.
    static func discard(_ connection: Int)
    /// Writes the addresses of an installed socket, where they are wanted.
    static func write(
        _ base: UnsafeMutablePointer<lamina_slot>,
        local: UnsafeMutablePointer<lamina_address>?,
        remote: UnsafeMutablePointer<lamina_address>?
    )
    /// `Accepting<Self>.answered` as a C function.
    static var answer: lamina_accepted_function { get }
}

/// Accept, for every base: a connection becomes a column, the levels above are asked bottom-up, and only then the
/// accept completes. One that they refuse makes room for the next connection.
public enum Accepting<Base: Acceptor> {
    /// The entry `accept`, for an operation that was just made.
    public static func accept(_ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        let (slot, request) = (operation.pointee.slot, operation.pointee.request)
        let lane = operation.pointee.lane
        guard lane.enter() else { return lane.submit(operation, slot, request, isInside: false) }
        let connection = Base.take(lane)
        if connection == -Int(EAGAIN) { return lane.submit(operation, slot, request, isInside: true) }
        operation.pointee.inspection = Base.inspection(lane)
        guard connection >= 0, lane.pointee.group.pin() else {
            if connection >= 0 { Base.discard(connection) }
            operation.discard()
            return lane.leave(slot, request, connection < 0 ? Int32(connection) : -ECANCELED, 0)
        }
        lane.leave()
        guard offer(connection, operation) else { return lane.end(operation) }
        if operation.field(\.arrivals).hasArrived {
            return isRefused(operation) ? retry(operation) : lane.end(operation)
        }
        slot.pointee.column.pointee.upcalls.pointee.mark_pending(slot, request)
        if operation.field(\.arrivals).arrive() { conclude(operation) }
        return LAMINA_PENDING
    }

    /// Completes an accept with a socket that stands already.
    public static func complete(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        with accepted: (slot: UnsafeMutablePointer<lamina_slot>, generation: UInt64),
        _ local: UnsafeMutablePointer<lamina_address>?,
        _ remote: UnsafeMutablePointer<lamina_address>?
    ) -> lamina_status {
        request.pointee.socket = accepted.slot
        request.pointee.socket_generation = accepted.generation
        let base = accepted.slot + Int(accepted.slot.pointee.column.pointee.levels)
        Base.write(base, local: local, remote: remote)
        return lamina_complete(slot, request, 0, 0)
    }

    /// Accepts for an operation that waited.
    public static func attempt(_ operation: UnsafeMutablePointer<Operation>) -> Outcome {
        while true {
            let connection = Base.take(operation.pointee.lane)
            if connection == -Int(EAGAIN) { return .blocked }
            guard connection >= 0 else {
                operation.pointee.status = Int32(connection)
                return .ended
            }
            operation.pointee.inspection = Base.inspection(operation.pointee.lane)
            guard offer(connection, operation) else { return .ended }
            guard operation.field(\.arrivals).arrive() else { return .taken }
            guard isRefused(operation) else { return .ended }
            operation.pointee.arrivals = Arrivals()
        }
    }

    /// Makes the new socket's column and asks the levels above; `answered` hears what they say. False: it failed, and
    /// the operation's status says why.
    private static func offer(_ connection: Int, _ operation: UnsafeMutablePointer<Operation>) -> Bool {
        let listener = operation.pointee.slot
        let upcalls = listener.pointee.column.pointee.upcalls.pointee
        let (family, type, transport) = Base.shape(listener)
        guard let state = Base.prepare(connection, listener, operation.pointee.inspection) else {
            Base.discard(connection)
            operation.pointee.status = -ENOMEM
            return false
        }
        var base: UnsafeMutablePointer<lamina_slot>?
        let status = upcalls.accept_column(listener, family, type, transport, &base)
        guard status == 0, let base else {
            Base.dismiss(state)
            operation.pointee.status = status < 0 ? status : -ENOMEM
            return false
        }
        Base.install(state, base)
        var remote = lamina_address()
        Base.write(base, local: nil, remote: &remote)
        upcalls.accept_ready(listener, base, &remote, Base.answer, UnsafeMutableRawPointer(operation))
        return true
    }

    /// The levels above have answered.
    public static func answered(
        _ accepted: UnsafeMutablePointer<lamina_slot>,
        _ status: lamina_status,
        _ context: UnsafeMutableRawPointer?
    ) {
        guard let operation = context?.assumingMemoryBound(to: Operation.self) else { return }
        operation.pointee.plan = status < 0 ? UnsafeMutableRawPointer(operation) : nil
        if status >= 0 {
            let request = operation.pointee.request
            let handle = lamina_socket_of(accepted)
            request.pointee.socket = handle.slot
            request.pointee.socket_generation = handle.generation
            Base.write(accepted, local: operation.pointee.local, remote: operation.pointee.remote)
        }
        if operation.field(\.arrivals).arrive() { conclude(operation) }
    }

    private static func isRefused(_ operation: UnsafeMutablePointer<Operation>) -> Bool {
        operation.pointee.plan != nil
    }

    /// The levels above answered after the call had returned.
    private static func conclude(_ operation: UnsafeMutablePointer<Operation>) {
        if isRefused(operation) { _ = retry(operation) } else { operation.pointee.lane.end(operation) }
    }

    /// Waits for another connection.
    private static func retry(_ operation: UnsafeMutablePointer<Operation>) -> lamina_status {
        operation.pointee.arrivals = Arrivals()
        return operation.pointee.lane.resubmit(operation)
    }
}
