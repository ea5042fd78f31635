public import CLamina
public import CLaminaFFI
import Glibc
import LaminaProvider

/// An argument or a result of a call (`lamina_value`).
public enum GenericValue: Equatable {
    /// Of a signed kind.
    case integer(Int64)
    /// Of an unsigned kind.
    case number(UInt64)
    /// `float` or `double`.
    case real(Double)
    /// A pointer.
    case pointer(UnsafeMutableRawPointer?)

    init(_ value: lamina_value, _ kind: UInt32) {
        switch Int(kind) {
        case LAMINA_VALUE_INT8, LAMINA_VALUE_INT16, LAMINA_VALUE_INT32, LAMINA_VALUE_INT64:
            self = .integer(value.integer)
        case LAMINA_VALUE_FLOAT, LAMINA_VALUE_DOUBLE: self = .real(value.real)
        case LAMINA_VALUE_POINTER: self = .pointer(value.pointer)
        default: self = .number(value.number)
        }
    }

    /// The value in C; a number in the place of another kind of number is converted.
    func value(of kind: UInt32) -> lamina_value {
        var value = lamina_value()
        let isReal = Int(kind) == LAMINA_VALUE_FLOAT || Int(kind) == LAMINA_VALUE_DOUBLE
        switch self {
        case .integer(let integer): if isReal { value.real = Double(integer) } else { value.integer = integer }
        case .number(let number): if isReal { value.real = Double(number) } else { value.number = number }
        case .real(let real): if isReal { value.real = real } else { value.integer = Int64(exactly: real) ?? 0 }
        case .pointer(let pointer): value.pointer = pointer
        }
        return value
    }
}

/// One call, or one indication, at its handler (`lamina_call`). A handler forwards, completes or delays it, once, and
/// returns what that answered.
public struct GenericCall: ~Copyable {
    @usableFromInline let pointer: UnsafeMutablePointer<lamina_call>

    @inlinable
    init(_ pointer: UnsafeMutablePointer<lamina_call>) {
        self.pointer = pointer
    }

    /// What is called.
    @inlinable
    public var signature: GenericSignature { GenericSignature(pointer.pointee.signature) }

    /// The number of the socket in this process, as traces show it; 0 for what is asked of the chain itself.
    public var socket: UInt64 { pointer.pointee.slot.pointee.column.pointee.serial }

    /// The argument at a place, nil where there is none.
    public subscript(_ index: Int) -> GenericValue? {
        guard let parameter = parameter(at: index) else { return nil }
        return GenericValue(lamina_call_argument(pointer, UInt32(index)), parameter.kind)
    }

    /// The argument of this name, nil for none (`lamina_call_argument`).
    public subscript(_ name: StaticString) -> GenericValue? {
        signature.index(of: name).flatMap { self[$0] }
    }

    /// Changes the argument of this name, in its own width; false where there is none, or it is the slot or the request
    /// (`lamina_call_set_argument`). What a pointer leads to must live until the call was forwarded or delayed.
    @discardableResult
    public func set(_ name: StaticString, to value: GenericValue) -> Bool {
        guard let index = signature.index(of: name), let parameter = parameter(at: index), isFree(parameter) else {
            return false
        }
        lamina_call_set_argument(pointer, UInt32(index), value.value(of: parameter.kind))
        return true
    }

    /// What the argument of this name points to, a C struct or a number; nil for null, and where there is no such pointer.
    /// `type` must be what the signature says.
    @inlinable
    public func pointee<Value>(_ name: StaticString, as type: Value.Type) -> Value? {
        guard case .pointer(let pointee?) = self[name] else { return nil }
        return pointee.loadUnaligned(as: type)
    }

    /// How many bytes the buffers of an entry have, at most `Int.max`; nil where it has none.
    public var byteCount: Int? {
        guard signature.table == .entry, case .pointer(let buffers?) = self["buffers"],
            case .number(let count) = self["count"]
        else { return nil }
        let first = buffers.assumingMemoryBound(to: lamina_buffer.self)
        var bytes = 0
        for index in 0..<Int(clamping: count) {
            let (sum, isOver) = bytes.addingReportingOverflow(first[index].length)
            guard !isOver else { return .max }
            bytes = sum
        }
        return bytes
    }

    private func parameter(at index: Int) -> lamina_parameter? {
        let signature = pointer.pointee.signature.pointee
        guard index >= 0, index < Int(signature.parameter_count) else { return nil }
        return signature.parameters?[index]
    }

    private func isFree(_ parameter: lamina_parameter) -> Bool {
        !GenericSignature.equals(parameter.type, "lamina_slot *")
            && !GenericSignature.equals(parameter.type, "lamina_request *")
    }

    /// What a function answers that answers no status; zero until the call was forwarded.
    public var result: GenericValue {
        GenericValue(pointer.pointee.result, pointer.pointee.signature.pointee.result.kind)
    }

    /// Changes that answer.
    public func setResult(_ value: GenericValue) {
        pointer.pointee.result = value.value(of: pointer.pointee.signature.pointee.result.kind)
    }

    // MARK: - What becomes of it

    /// Lets the layer's `ended` run when the operation has ended, with a note; before the call is forwarded or delayed
    /// (`lamina_call_watch`).
    @inlinable
    public func watch(note: UInt64 = 0) {
        pointer.pointee.flags |= UInt64(LAMINA_CALL_WATCHED)
        pointer.pointee.note = note
    }

    /// Makes the call at the next level, and gives the status to return (`lamina_call_forward`).
    @inlinable
    public func forward() -> lamina_status {
        lamina_call_forward(pointer)
    }

    /// Makes the call with another pointee for one argument: an address, for instance. EINVAL where there is no pointer of
    /// this name.
    @inlinable
    public func forward<Value>(_ name: StaticString, as value: Value) -> lamina_status {
        guard case .pointer(let theirs) = self[name] else { return fail(EINVAL) }
        return withUnsafePointer(to: value) { value in
            set(name, to: .pointer(UnsafeMutableRawPointer(mutating: value)))
            defer { set(name, to: .pointer(theirs)) }
            return forward()
        }
    }

    /// Ends the call here with success, and gives the status to return (`lamina_call_complete`).
    public func complete(bytes: UInt64 = 0) -> lamina_status {
        lamina_call_complete(pointer, 0, bytes)
    }

    /// Ends the call here with an `errno` (a negative one counts as its positive, 0 as EIO), and gives the status to return.
    public func fail(_ error: Int32) -> lamina_status {
        lamina_call_complete(pointer, lamina_status(failing: error), 0)
    }

    /// Whether the call can wait (`lamina_call_can_wait`).
    public var canWait: Bool { lamina_call_can_wait(pointer) != 0 }

    /// Keeps the call for later (`lamina_call_delay`): the status to return, and the delayed call where it is pending. Where
    /// it can't wait, it has ended, with that status. Allocates.
    public func delay() -> (status: lamina_status, call: DelayedCall?) {
        var delayed: OpaquePointer?
        let status = lamina_call_delay(pointer, &delayed)
        return (status, delayed.map(DelayedCall.init))
    }
}

/// An operation that has ended, on its way up (`lamina_ended_call`).
public struct EndedCall: ~Copyable {
    private let pointer: UnsafePointer<lamina_ended_call>

    @usableFromInline
    init(_ pointer: UnsafePointer<lamina_ended_call>) {
        self.pointer = pointer
    }

    /// What was called.
    public var signature: GenericSignature { GenericSignature(pointer.pointee.signature) }
    /// The number of the socket in this process, as traces show it.
    public var socket: UInt64 { pointer.pointee.slot.pointee.column.pointee.serial }
    /// What `watch` was given.
    public var note: UInt64 { pointer.pointee.note }

    /// 0 or a negative `errno`.
    public var status: lamina_status {
        get { pointer.pointee.request.pointee.status }
        nonmutating set { pointer.pointee.request.pointee.status = newValue }
    }

    /// Bytes moved.
    public var bytes: UInt64 {
        get { pointer.pointee.request.pointee.bytes }
        nonmutating set { pointer.pointee.request.pointee.bytes = newValue }
    }
}

extension lamina_status {
    /// What an operation ends with that fails with this `errno`, or its negative; 0 counts as EIO.
    init(failing error: Int32) {
        self = -Failure(error).errno
    }
}
