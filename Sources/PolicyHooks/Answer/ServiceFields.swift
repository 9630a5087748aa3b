import CallModel

/// A value that passed its check.
public enum FieldValue: Hashable, Sendable {
  case boolean(Bool)
  case integer(Int)
  case text(String)
  case texts([String])
  /// A PIN.
  case secret(Secret)
  case automaticParticipants([RoomSettings.AutomaticParticipant])
  case completion(PlaybackCompletion)
}

/// A service configuration that passed every check, with its defaults. Fields of other service types are not in it.
public struct ServiceFields: Hashable, Sendable {
  public let type: ServiceType
  private let values: [ServiceField: FieldValue]

  init(type: ServiceType, values: [ServiceField: FieldValue]) {
    self.type = type
    self.values = values
  }

  /// The field as given; nil when it was not, or was null.
  public subscript(field: ServiceField) -> FieldValue? { values[field] }

  /// The field as given, or its default; nil when it has neither.
  func valueOrStandard(_ field: ServiceField) -> FieldValue? {
    values[field] ?? ServiceFieldRule.byField[field]?.standard
  }

  /// The field or its default; nil when it has neither, or is of another type.
  public func text(_ field: ServiceField) -> String? {
    if case .text(let text)? = valueOrStandard(field) { text } else { nil }
  }

  /// The field or its default; false when it has neither.
  public func boolean(_ field: ServiceField) -> Bool {
    if case .boolean(let value)? = valueOrStandard(field) { value } else { false }
  }

  public func integer(_ field: ServiceField) -> Int? {
    if case .integer(let value)? = valueOrStandard(field) { value } else { nil }
  }

  public func secret(_ field: ServiceField) -> Secret? {
    if case .secret(let value)? = values[field] { value } else { nil }
  }

  public var name: String { text(.name) ?? "" }
  public var tag: String { text(.serviceTag) ?? "" }

  public var automaticParticipants: [RoomSettings.AutomaticParticipant] {
    if case .automaticParticipants(let list)? = values[.automaticParticipants] { list } else { [] }
  }
  public var completion: PlaybackCompletion? {
    if case .completion(let completion)? = values[.onCompletion] { completion } else { nil }
  }
  public var breakoutUUIDs: [String] {
    if case .texts(let list)? = values[.breakoutUUIDs] { list } else { [] }
  }
}
