/**
 * The made-up clinic: schema and data as SQL for SQLite, the same on every machine. Nobody in it exists: the phone
 * numbers are in a range kept free for fiction, the account numbers name no bank.
 */

export const PATIENT_COUNT = 240;
export const APPOINTMENT_COUNT = 900;

const FIRST_NAMES = [
  'Ada',
  'Ben',
  'Chiara',
  'Dmitri',
  'Elif',
  'Farid',
  'Grete',
  'Hugo',
  'Ines',
  'Jonas',
  'Kaya',
  'Lars',
];
const LAST_NAMES = ['Aydın', 'Berger', 'Costa', 'Dahl', 'Eriksen', 'Fischer', 'Girard', 'Horvat', 'Ivanova', 'Jansen'];
const CITIES = ['Berlin', 'Göteborg', 'Lyon', 'Porto', 'Zürich'];
const DEPARTMENTS = ['cardiology', 'dermatology', 'neurology', 'radiology', 'surgery'];

const TABLES = `
  CREATE TABLE clinic.patients (
    id INTEGER PRIMARY KEY,
    name VARCHAR(60) NOT NULL COLLATE NOCASE,
    phone VARCHAR(20) NOT NULL,
    bank_account_number VARCHAR(20) NOT NULL UNIQUE,
    city VARCHAR(40) NOT NULL COLLATE NOCASE
  );
  CREATE TABLE clinic.appointments (
    id INTEGER PRIMARY KEY,
    patient_id INTEGER NOT NULL REFERENCES patients (id),
    department VARCHAR(20) NOT NULL COLLATE NOCASE,
    starts_at DATETIME NOT NULL
  );
  CREATE INDEX clinic.appointments_patient ON appointments (patient_id);
`;

/** Creates and fills the schema `clinic`. */
export function clinicSql(): string {
  const random = numbers(20_260_131);
  const pick = (list: readonly string[]) => list[random(list.length)] ?? '';
  const patients = rows(PATIENT_COUNT, (id) => {
    const account = `${String(4_711_000_000 + id * 7_919)}${String(random(100)).padStart(2, '0')}`;
    const phone = `+49 30 5550${String(id).padStart(4, '0')}`;
    return [id, `${pick(FIRST_NAMES)} ${pick(LAST_NAMES)}`, phone, account, pick(CITIES)];
  });
  const firstDay = Date.UTC(2026, 0, 5, 8);
  const appointments = rows(APPOINTMENT_COUNT, (id) => {
    const startsAt = new Date(firstDay + random(120) * 86_400_000 + random(18) * 1_800_000);
    return [id, 1 + random(PATIENT_COUNT), pick(DEPARTMENTS), startsAt.toISOString().slice(0, 19).replace('T', ' ')];
  });
  return `BEGIN; ${TABLES}
    INSERT INTO clinic.patients VALUES ${patients};
    INSERT INTO clinic.appointments VALUES ${appointments};
    COMMIT;`;
}

/** A linear congruential generator: the same numbers below `limit` on every machine. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function rows(count: number, row: (id: number) => readonly (string | number)[]): string {
  const cell = (value: string | number) => (typeof value === 'number' ? String(value) : `'${value}'`);
  return Array.from(
    { length: count },
    (_, index) =>
      `(${row(index + 1)
        .map(cell)
        .join(', ')})`,
  ).join(', ');
}
