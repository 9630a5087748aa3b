extension PolicySchema {
  static let schedule = ObjectSchema(
    "schedules[]", "Named times that rules refer to. A schedule is in force while any of its periods is.",
    [
      .init("name", name, required: true, "Unique; what rules name."),
      description,
      .init(
        "time_zone", .text(), required: true,
        "Name in the IANA time zone database. Local time follows the zone's changes of the clock.",
        example: "Europe/London"),
      .init("periods", .list(.object(period)), required: true, "At least one."),
    ])

  static let period = ObjectSchema(
    "schedules[].periods[]", "Days, hours and dates that must all hold.",
    [
      .init(
        "days", .list(.choice("mon", "tue", "wed", "thu", "fri", "sat", "sun")), default: "every day",
        "Days of the week.", example: "[mon, tue, wed, thu, fri]"),
      .init(
        "hours", .text(), default: "all day",
        "From-to in local time, the end excluded. A period over midnight belongs to the day it begins on.",
        example: "08:00-18:00"),
      .init(
        "dates", .text(), default: "every date",
        "One date or from..to, both included: `2026-12-24..2027-01-02`, or every year `12-24..01-02`.",
        example: "2026-12-24..2027-01-02"),
    ])
}
