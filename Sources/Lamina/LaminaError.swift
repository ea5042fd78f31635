/// What went wrong, in terms of the thing that it happened to.
///
/// `description` is one line: the subject, the cause, and what to do about it.
public struct LaminaError: Error, Sendable, Equatable {
    /// The kind of failure, for a program that decides by it.
    public struct Code: Sendable, Equatable, CustomStringConvertible {
        enum Kind: String, Sendable {
            case invalidArgument, notFound, invalidManifest, invalidSetting, invalidChain, loadFailed, incompatible
            case refused, system, closed, notSupported, cancelled, timedOut
        }
        let kind: Kind

        /// An argument that no call accepts.
        public static let invalidArgument = Code(kind: .invalidArgument)
        /// A name, file or entry that isn't there.
        public static let notFound = Code(kind: .notFound)
        /// A manifest that can't be read or says something impossible.
        public static let invalidManifest = Code(kind: .invalidManifest)
        /// A setting that a provider doesn't declare, or a value of the wrong type.
        public static let invalidSetting = Code(kind: .invalidSetting)
        /// Layers that can't stand together, or in this order.
        public static let invalidChain = Code(kind: .invalidChain)
        /// A library that the dynamic loader or its own start-up symbol refused.
        public static let loadFailed = Code(kind: .loadFailed)
        /// A library made for another version, architecture or table.
        public static let incompatible = Code(kind: .incompatible)
        /// What Lamina or a layer declines on purpose.
        public static let refused = Code(kind: .refused)
        /// A system call's failure; `errno` says which.
        public static let system = Code(kind: .system)
        /// A call on a socket that has been closed.
        public static let closed = Code(kind: .closed)
        /// An entry that no level of the chain offers for this socket.
        public static let notSupported = Code(kind: .notSupported)
        /// An operation that was cancelled.
        public static let cancelled = Code(kind: .cancelled)
        /// An operation whose deadline passed.
        public static let timedOut = Code(kind: .timedOut)

        /// The code's name.
        public var description: String { kind.rawValue }
    }

    /// The kind of failure.
    public let code: Code
    /// The file, key, layer, symbol or address that it is about.
    public let subject: String
    /// Why it failed, as a phrase.
    public let cause: String
    /// What to do about it, as a phrase; empty where nothing can be done.
    public let remedy: String
    /// The `errno` value, 0 where no system call or level gave one.
    public let errno: Int32
    /// The label of the level that failed, where a chain's level did.
    public let level: String?

    /// An error about `subject`.
    public init(
        _ code: Code,
        _ subject: String,
        _ cause: String,
        remedy: String = "",
        errno: Int32 = 0,
        level: String? = nil
    ) {
        self.code = code
        self.subject = subject
        self.cause = cause
        self.remedy = remedy
        self.errno = errno
        self.level = level
    }
}

extension LaminaError: CustomStringConvertible {
    /// One line: subject, cause, remedy.
    public var description: String {
        remedy.isEmpty ? "\(subject): \(cause)" : "\(subject): \(cause); \(remedy)"
    }
}
