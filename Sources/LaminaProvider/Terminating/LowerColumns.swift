import CLamina
import CLinux
import Glibc

/// The columns that a terminating layer opened below one socket, in its `State`. They close with the socket: what was begun in
/// them is cancelled, and the socket's close ends after theirs.
///
/// Any thread; nothing blocks.
public final class LowerColumns: KeepsColumns, @unchecked Sendable {
    // `slot`, `upcalls` and `asked` are written before anybody else sees them; the rest is guarded by the lock, with the columns' and the
    // held calls' own fields.
    private let lock = PlainLock()
    private var slot: UnsafeMutablePointer<lamina_slot>?
    private var upcalls: UnsafePointer<lamina_upcalls>?
    private var asked = lamina_open_arguments()
    private var all: [LowerColumn] = []
    private var held: [HeldAbove] = []
    private var named: LowerColumn?
    private var isClosing = false
    private var closeStatus: lamina_status = 0
    private var closed: ((lamina_status) -> Void)?

    /// No columns. Allocates.
    public init() {}

    /// Itself: a state that has nothing else.
    public var columns: LowerColumns { self }

    /// The column that gets what the layer passes on, and the entries that it has no protocol for; nil: there is none.
    public var primary: LowerColumn? { locked { named } }

    /// What the socket was opened for.
    public var opening: LowerOpening { LowerOpening(asked) }

    /// Opens a column of the rest of the chain, as the socket was opened or for something else, and tells `then`, here or
    /// later, on any thread. ENODEV: no level stands below; ECANCELED: the call that it is for has ended, or the socket
    /// closes. A column whose open failed is gone. Allocates.
    public func open(
        _ opening: LowerOpening? = nil,
        for call: PendingCall? = nil,
        then: @escaping @Sendable (Result<LowerColumn, Failure>) -> Void
    ) {
        let column = LowerColumn(self)
        let begun = ColumnCall(column, call) { [self] status, _ in
            var status = status
            change(column) {
                column.opens = nil
                column.phase = status < 0 ? .gone : .open
                if column.isLeaving, status >= 0 { status = -ECANCELED }
            }
            then(status < 0 ? .failure(Failure(status)) : .success(column))
        }
        guard let slot, let upcalls, locked({ admit(begun, opening: column) }) else {
            return then(.failure(Failure(ECANCELED)))
        }
        var arguments = (opening ?? self.opening).c
        arguments.size = UInt32(MemoryLayout<lamina_open_arguments>.size)
        begun.issue { _ = upcalls.pointee.open_below(slot, &arguments, nil, nil, column.place, $0) }
        change(column) { column.users -= 1 }
    }

    // MARK: - Their socket

    /// The socket opens.
    func begin(_ slot: UnsafeMutablePointer<lamina_slot>, _ arguments: UnsafePointer<lamina_open_arguments>) {
        self.slot = slot
        upcalls = slot.pointee.column.pointee.upcalls
        asked = arguments.pointee
        asked.flags = 0
        asked.origin = nil
    }

    /// Opens the one column that a socket has by default. Answers what the entry returns.
    func openPrimary(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ arguments: UnsafePointer<lamina_open_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        if Opening(arguments).isFromBelow { return lamina_complete(slot, request, 0, 0) }
        return hold(slot, request) { call in
            open(for: call) { opened in
                switch opened {
                case .success(let column):
                    column.makePrimary()
                    call.end()
                case .failure(let failure):
                    call.fail(failure.errno == ENODEV ? Failure(ENODEV, "no level stands below this one") : failure)
                }
            }
        }
    }

    /// Closes all, ends the calls that wait with -ECANCELED, lets nothing more begin, and tells `closed` how that ended, here
    /// or later.
    func close(_ closed: @escaping (lamina_status) -> Void) {
        let (calls, columns, opens) = locked {
            isClosing = true
            self.closed = closed
            name(nil)
            for column in all { column.isLeaving = true }
            return (held, all, all.compactMap(\.opens))
        }
        for call in calls { call.end(-ECANCELED) }
        for call in opens { cancel(call) }
        for column in columns { change(column) {} }
        change {}
    }

    /// Lets nothing more begin, unless there is something to close first: then false.
    func closeIfEmpty() -> Bool {
        locked {
            guard all.isEmpty, held.isEmpty else { return false }
            isClosing = true
            return true
        }
    }

    // MARK: - What changes

    func locked<Result>(_ body: () -> Result) -> Result { lock.locked(body) }

    /// Changes something under the lock, then does what follows from it: closes a column that is to go once nobody is about to
    /// call it, and ends the socket's close after the last one.
    func change(_ column: LowerColumn? = nil, _ body: () -> Void) {
        var leaving: LowerColumn?
        var ending: (() -> Void)?
        locked {
            body()
            if let column, column.users == 0 {
                if column.phase == .open, column.isLeaving {
                    column.phase = .closing
                    leaving = column
                }
                if column.phase == .gone { all.removeAll { $0 === column } }
            }
            guard isClosing, all.isEmpty, let closed else { return }
            self.closed = nil
            ending = { [closeStatus] in closed(closeStatus) }
        }
        if let leaving { end(leaving) }
        ending?()
    }

    private func end(_ column: LowerColumn) {
        guard let lower = column.place.pointee else { return change(column) { column.phase = .gone } }
        let close = ColumnCall(column, nil) { [self] status, _ in
            change(column) {
                column.phase = .gone
                if isClosing { closeStatus = min(closeStatus, status) }
            }
        }
        close.issue { _ = upcalls?.pointee.close_below(lower, $0) }
    }

    /// Cancels an operation. Legal at any time: a request that has ended isn't held any more.
    func cancel(_ call: ColumnCall) { _ = upcalls?.pointee.cancel(call.request) }

    /// Lets something begin in a column, under the lock; `users` counts it until it has been issued. False: it is too late.
    func admit(_ begun: ColumnCall, opening column: LowerColumn? = nil) -> Bool {
        let place = begun.column
        guard !isClosing, !place.isLeaving, column != nil || place.phase == .open, begun.call?.held.add(begun) ?? true
        else {
            return false
        }
        if let column {
            all.append(column)
            column.opens = begun
        }
        place.users += 1
        return true
    }

    /// Says which column is the primary, under the lock.
    func name(_ column: LowerColumn?) {
        named = column
        guard let slot else { return }
        let place = UnsafeMutableRawPointer(slot) + (MemoryLayout<lamina_slot>.offset(of: \.primary) ?? 0)
        clinux_store_pointer(place, column?.place.pointee)
    }

    /// Whether this column is the primary, under the lock.
    func isNamed(_ column: LowerColumn) -> Bool { named === column }

    // MARK: - Calls of the level above

    /// Holds a call of the level above, which `body` ends there or later. Answers what the entry returns.
    func hold(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ body: (PendingCall) -> Void
    ) -> lamina_status {
        let call = HeldAbove(self, slot, request)
        let status = locked {
            if isClosing { return -ECANCELED }
            let status = call.hold()
            if status == 0 { held.append(call) }
            return status
        }
        guard status == 0 else { return lamina_complete(slot, request, status, 0) }
        body(PendingCall(call))
        return call.answer()
    }

    /// A held call is over, under the lock.
    func forget(_ call: HeldAbove) { held.removeAll { $0 === call } }
}

/// What a lower column is opened for (`lamina_open_arguments`).
public struct LowerOpening: Sendable {
    // Its origin is nil: the framework gives a lower column the socket's own.
    nonisolated(unsafe) var c: lamina_open_arguments

    init(_ c: lamina_open_arguments) { self.c = c }

    /// `AF_INET` and so on.
    public var family: Int32 {
        get { c.family }
        set { c.family = newValue }
    }

    /// `SOCK_STREAM` and so on.
    public var type: Int32 {
        get { c.type }
        set { c.type = newValue }
    }

    /// `IPPROTO_TCP` and so on.
    public var `protocol`: Int32 {
        get { c.protocol }
        set { c.protocol = newValue }
    }

    /// What the column is for: one category.
    public var category: LayerDescription.Categories {
        get { LayerDescription.Categories(rawValue: c.category) }
        set { c.category = newValue.rawValue }
    }
}
